"""French for the words of the page."""

from web.french_guide import GUIDE

FRENCH: dict[str, str] = {
    **GUIDE,
    # head, foot and tabs
    "Is there a malaria parasite in this red cell, and where? A research model shows its reasons.": (
        "Y a-t-il un parasite du paludisme dans ce globule rouge, et où ? Un modèle de recherche montre ses raisons."
    ),
    "Research use only, not for diagnosis": "Usage de recherche uniquement, pas pour le diagnostic",
    "Research use only, not for diagnosis.": "Usage de recherche uniquement, pas pour le diagnostic.",
    "One cell": "Une cellule",
    "Many cells": "Plusieurs cellules",
    "How to read this": "Comment lire cette page",
    "Glossary": "Glossaire",
    # upload
    "Upload one red blood cell from a Giemsa-stained thin smear, or pick an example. You get:": (
        "Déposez un globule rouge d’un frottis mince coloré au Giemsa, ou choisissez un exemple. Vous obtenez :"
    ),
    "two verdicts, from a classifier and from how likely the model finds the cell under each class;": (
        "deux verdicts : celui d’un classifieur, et celui de la vraisemblance de la cellule sous chaque classe ;"
    ),
    "a map of where the evidence lies;": "une carte des indices ;",
    "on request, the smallest edit that changes the verdict: the parasite removed, or added.": (
        "à la demande, la plus petite retouche qui change le verdict : le parasite retiré, ou ajouté."
    ),
    "It knows parasite or no parasite, not species, stage or count, and only slides like those it learnt from.": (
        "Il connaît parasite ou pas de parasite, ni l’espèce, ni le stade, ni le nombre, et seulement des lames "
        "comme celles où il a appris."
    ),
    "Cell": "Cellule",
    "Drop a cell image here or click to upload: PNG, JPEG, TIFF, WebP, BMP": (
        "Déposez ici l’image d’une cellule ou cliquez : PNG, JPEG, TIFF, WebP, BMP"
    ),
    "What was found": "Ce qui a été trouvé",
    "Use the picture as it is": "Utiliser l’image telle quelle",
    "Upload a cell first: this page no longer holds one.": "Déposez d’abord une cellule : cette page n’en a plus.",
    "Synthetic examples, drawn by the model (no patients)": (
        "Exemples de synthèse, dessinés par le modèle (aucun patient)"
    ),
    "Do not cut the cell out of its background": "Ne pas découper la cellule de son fond",
    # settings
    "Advanced": "Réglages",
    "Draws": "Tirages",
    "More are slower and more precise": "Plus de tirages : plus lent et plus précis",
    "Seed": "Graine",
    "Same seed, same numbers": "Même graine, mêmes nombres",
    "Explain again": "Expliquer à nouveau",
    "Strength of the edit": "Force de la retouche",
    "Smallest change that flips": "Le plus petit changement qui bascule",
    "Fixed strength": "Force fixée",
    "Starting noise, in steps": "Bruit de départ, en pas",
    "Guidance": "Guidage",
    # verdicts
    "Parasitized": "Parasitée",
    "Uninfected": "Non parasitée",
    "Classifier": "Classifieur",
    "Likelihood": "Vraisemblance",
    "Comparing how likely the cell is under each class …": "Comparaison de la vraisemblance sous chaque classe …",
    "Both verdicts agree; by likelihood {share}.": "Les deux verdicts concordent ; par vraisemblance {share}.",
    "The likelihood leans the same way: {share}.": "La vraisemblance penche du même côté : {share}.",
    "The two verdicts disagree": "Les deux verdicts se contredisent",
    "Trust neither.": "Ne vous fiez à aucun.",
    "This does not look like a stained red cell": "Ceci ne ressemble pas à un globule rouge coloré",
    "The model has seen nothing like it: read nothing into the figures. If it is a red cell all the same, its "
    "stain or light is strange to the model: look at it yourself.": (
        "Le modèle n’a rien vu de semblable : ne tirez rien des chiffres. Si c’est pourtant un globule rouge, sa "
        "coloration ou sa lumière est étrangère au modèle : regardez-le vous-même."
    ),
    "Unclear: the classifier is not sure ({share} {name})": (
        "Incertaine : le classifieur n’est pas sûr ({share} {name})"
    ),
    "What stands out from the background was cut out and put on black.": (
        "Ce qui se détache du fond a été découpé et placé sur fond noir."
    ),
    "Show the figures anyway": "Montrer quand même les chiffres",
    "The picture": "L’image",
    # evidence and likelihood
    "Where the evidence lies": "Où sont les indices",
    "The cell": "La cellule",
    "Evidence map": "Carte des indices",
    "Gradient saliency": "Saillance par gradient",
    "Compare with the classifier’s gradient": "Comparer au gradient du classifieur",
    "speaks for {label}": "plaide pour {label}",
    "no evidence": "aucun indice",
    "weak gradient": "gradient faible",
    "strong gradient": "gradient fort",
    "full colour: {scale} log-odds a pixel": "pleine couleur : {scale} log-cote par pixel",
    "ELBO, nats": "ELBO, nats",
    "standard error": "erreur type",
    "Difference": "Différence",
    "How to read the chart": "Lire le graphique",
    "Hide the comparison": "Masquer la comparaison",
    "ELBO under each class": "ELBO sous chaque classe",
    "ELBO, {first} less {second}: {difference} ± {error} nats": (
        "ELBO, {first} moins {second} : {difference} ± {error} nats"
    ),
    "{draws} paired draws.": "{draws} tirages appariés.",
    "A difference within twice its error says nothing.": (
        "Une différence inférieure au double de son erreur ne dit rien."
    ),
    "The likelihood verdict reads only the noise levels that tell the classes apart: {verdict}.": (
        "Le verdict de vraisemblance ne lit que les niveaux de bruit qui distinguent les classes : {verdict}."
    ),
    "It points the other way than the likelihood verdict ({verdict}), which reads only the noise levels that tell"
    " the classes apart and is what counts. ± is the noise of drawing, not how far the model may err.": (
        "Elle va dans l’autre sens que le verdict de vraisemblance ({verdict}), qui ne lit que les niveaux de bruit"
        " qui distinguent les classes et qui seul compte. ± est le bruit du tirage, non l’erreur possible du "
        "modèle."
    ),
    "nats relative to the mean of both (right: higher)": "nats autour de la moyenne des deux (à droite : plus haut)",
    # edit
    "What would change the verdict": "Ce qui changerait le verdict",
    "Stop": "Arrêter",
    "Stopped. Nothing was kept of the unfinished edit.": "Arrêté. Rien n’a été gardé de la retouche inachevée.",
    "Looking for the way back to noise …": "Recherche du chemin vers le bruit …",
    "attempt {attempt} of {attempts}, guidance {guidance}, step {step} of {steps}": (
        "essai {attempt} sur {attempts}, guidage {guidance}, pas {step} sur {steps}"
    ),
    "at most {seconds} s left": "encore {seconds} s au plus",
    "The edit so far": "La retouche en cours",
    "This edit works: classifier and likelihood both say {target} now.": (
        "Cette retouche réussit : classifieur et vraisemblance disent maintenant {target}."
    ),
    "Find the smallest change of verdict": "Chercher le plus petit changement de verdict",
    "Change the verdict with the fixed strength": "Changer le verdict avec la force fixe",
    "Remove the parasite": "Retirer le parasite",
    "Add a parasite": "Ajouter un parasite",
    "The classifier says {label}, so a parasite can be removed.": (
        "Le classifieur dit {label} : on peut retirer un parasite."
    ),
    "The classifier says {label}, so a parasite can be added.": (
        "Le classifieur dit {label} : on peut ajouter un parasite."
    ),
    "No edit is offered: the picture does not look like a stained red cell.": (
        "Aucune retouche n’est proposée : l’image ne ressemble pas à un globule rouge coloré."
    ),
    "Stopped. You still see the previous edit.": "Arrêté. Vous voyez encore la retouche précédente.",
    "Read, edited and reported at {now} pixels; the upload has {before} of it.": (
        "Lue, retouchée et consignée en {now} pixels ; l’image déposée en compte {before}."
    ),
    "Computing two more edits …": "Calcul de deux autres retouches …",
    "Not convincing: {reason}. Do not take this picture as an explanation.": (
        "Pas convaincant : {reason}. Ne prenez pas cette image pour une explication."
    ),
    "the classifier reaches {share}, {least} is asked for": "le classifieur atteint {share}, il en faut {least}",
    "the likelihood reaches {share}, {least} is asked for": "la vraisemblance atteint {share}, il en faut {least}",
    "at the resolution of the cell the classifier falls short of {least}": (
        "à la résolution de la cellule, le classifieur n’atteint pas {least}"
    ),
    "You can try another seed or a fixed strength.": "Vous pouvez essayer une autre graine ou une force fixée.",
    "You can try another seed or another strength.": "Vous pouvez essayer une autre graine ou une autre force.",
    "reaches": "atteint",
    "Side by side": "Côte à côte",
    "before": "avant",
    "after": "après",
    "yes": "oui",
    "no": "non",
    "Before | after": "Avant | après",
    "Slider": "Curseur",
    "Alternating": "Alternance",
    "Change map": "Carte des changements",
    "now darker": "plus sombre",
    "unchanged": "inchangé",
    "now brighter": "plus clair",
    "green: the edit made it brighter; purple: darker (luminance, of 255)": (
        "vert : éclairci par la retouche ; violet : assombri (luminance, sur 255)"
    ),
    "changes below {level} are hidden": "les changements au-dessous de {level} sont masqués",
    "Hide changes below (of 255)": "Masquer les changements sous (sur 255)",
    "Opacity of the colours (%)": "Opacité des couleurs (%)",
    "Outline what changed visibly": "Entourer ce qui a visiblement changé",
    "{share} of the cell changed visibly (by more than 10 of 255); over the whole picture a pixel moved by "
    "{distance} of 255 on average.": (
        "{share} de la cellule a visiblement changé (de plus de 10 sur 255) ; sur toute l’image, un pixel a "
        "bougé de {distance} sur 255 en moyenne."
    ),
    "Guidance {guidance}, attempt {attempt} of at most {attempts}.": (
        "Guidage {guidance}, essai {attempt} sur {attempts} au plus."
    ),
    "Likelihood of the edit from {draws} draws.": "Vraisemblance de la retouche sur {draws} tirages.",
    "Compare a weaker and a stronger edit": "Comparer une retouche plus faible et une plus forte",
    "Weaker": "Plus faible",
    "As above": "Comme ci-dessus",
    "Stronger": "Plus forte",
    "Turns both verdicts": "Renverse les deux verdicts",
    "Does not turn both verdicts": "Ne renverse pas les deux verdicts",
    "Turns both, the classifier only to {share}": "Renverse les deux, le classifieur seulement à {share}",
    "Turns both, the likelihood only to {share}": "Renverse les deux, la vraisemblance seulement à {share}",
    "Turns both, but not at the resolution of the cell": ("Renverse les deux, mais pas à la résolution de la cellule"),
    "Guidance {guidance}.": "Guidage {guidance}.",
    "The edit ends where both verdicts turn, so a trace of the parasite may stay.": (
        "La retouche s’arrête quand les deux verdicts basculent : une trace du parasite peut rester."
    ),
    "Keep before and after (animated WebP)": "Garder avant et après (WebP animé)",
    "Download PDF": "Télécharger le PDF",
    "All files (ZIP)": "Tous les fichiers (ZIP)",
    "Preparing …": "Préparation …",
    "PDF: this cell on one page. ZIP: its pictures, the page as PNG and PDF, and a JSON with every setting.": (
        "PDF : cette cellule sur une page. ZIP : ses images, la page en PNG et PDF, et un JSON avec tous les réglages."
    ),
    # many cells
    "Drop several images of one cell each, or a ZIP of them. Every cell gets its verdicts; press one in the table to "
    "see its evidence. Nothing is kept beyond the session.": (
        "Déposez plusieurs images d’une cellule chacune, ou un ZIP. Chaque cellule reçoit ses verdicts ; cliquez sur "
        "une ligne du tableau pour voir ses indices. Rien n’est conservé après la session."
    ),
    "Images, or a ZIP of them": "Images, ou un ZIP d’images",
    "Download table (CSV)": "Télécharger le tableau (CSV)",
    "Include an edit of every cell in the reports (takes longer)": (
        "Joindre aux rapports une retouche de chaque cellule (plus long)"
    ),
    "Prepare reports (ZIP)": "Préparer les rapports (ZIP)",
    "Download reports (ZIP)": "Télécharger les rapports (ZIP)",
    "The reports are ready.": "Les rapports sont prêts.",
    "Stopped. What was done stays:": "Arrêté. Ce qui était fait reste :",
    "File": "Fichier",
    "Verdict": "Verdict",
    "Remarks": "Remarques",
    "Unclear": "Incertaine",
    "not read": "non lu",
    "verdicts disagree": "verdicts en désaccord",
    "not sure": "pas sûr",
    "unfamiliar": "inhabituel",
    "several cells": "plusieurs cellules",
    "no cell found": "aucune cellule trouvée",
    "{done} of {total}": "{done} sur {total}",
    "about {time} left": "encore environ {time}",
    "Starting …": "Démarrage …",
    "report {number} of {total}": "rapport {number} sur {total}",
    "{count} cell: {verdicts}": "{count} cellule ({verdicts})",
    "{count} cells: {verdicts}": "{count} cellules ({verdicts})",
    "{count} {verdict}": "{verdict} : {count}",
    "unclear": "Incertaine",
    "; ": " ; ",
    ": ": " : ",
    "{count} picture does not look like a cell": "{count} image ne ressemble pas à une cellule",
    "{count} pictures do not look like a cell": "{count} images ne ressemblent pas à une cellule",
    "Not a cell?": "Pas une cellule ?",
    "“{verdict}”: the two verdicts disagree, or the classifier gives neither class {least}.": (
        "« {verdict} » : les deux verdicts se contredisent, ou le classifieur n’attribue {least} à aucune classe."
    ),
    "“{verdict}”: nothing like it was in training; its figures mean nothing.": (
        "« {verdict} » : rien de semblable ne figurait à l’entraînement ; ses chiffres ne veulent rien dire."
    ),
    "Hide cells that both verdicts call {label}, without remarks": (
        "Masquer les cellules que les deux verdicts disent « {label} », sans remarque"
    ),
    "Press “{heading}” to see suspicious cells first.": (
        "Cliquez sur « {heading} » pour voir d’abord les cellules suspectes."
    ),
    "Previous": "Précédente",
    "Next": "Suivante",
    "Close": "Fermer",
    "Open in One cell": "Ouvrir dans « Une cellule »",
    "Quick look, {draws} draws: “{tab}” uses {usual} and is steadier.": (
        "Aperçu rapide, {draws} tirages : « {tab} » en utilise {usual} et donne des chiffres plus stables."
    ),
    "No cell could be read.": "Aucune cellule n’a pu être lue.",
    "{count} file could not be read; the table says why.": (
        "{count} fichier n’a pas pu être lu ; le tableau dit pourquoi."
    ),
    "{count} files could not be read; the table says why.": (
        "{count} fichiers n’ont pas pu être lus ; le tableau dit pourquoi."
    ),
    "Only the first {taken} of {total} files were taken.": "Seuls {taken} des {total} fichiers ont été pris.",
    # what was found in a picture
    "One cell was found on a bright background and put on black.": (
        "Une cellule a été trouvée sur fond clair et placée sur fond noir."
    ),
    "One cell of {count} that the picture shows was found on a bright background and put on black.": (
        "Une cellule, sur les {count} que montre l’image, a été trouvée sur fond clair et placée sur fond noir."
    ),
    "{count} cells, none of them clearly the one that is meant: the whole picture is read as one cell.": (
        "{count} cellules, sans que l’une soit clairement celle qui est visée : l’image entière est lue comme une "
        "seule cellule."
    ),
    "No whole cell stands out from a background: the whole picture is read as one cell.": (
        "Aucune cellule entière ne se détache d’un fond : l’image entière est lue comme une seule cellule."
    ),
}
